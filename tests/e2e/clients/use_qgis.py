"""Reads the rooms of an API as a layer of QGIS; prints them, and what QGIS asked for, as JSON."""

from __future__ import annotations

import json
import sys

from qgis.core import (
    NULL,
    QgsApplication,
    QgsFeature,
    QgsFeatureRequest,
    QgsNetworkAccessManager,
    QgsNetworkRequestParameters,
    QgsRectangle,
    QgsVectorLayer,
)


def main(url: str) -> None:
    application = QgsApplication([], GUIenabled=False)
    application.initQgis()
    asked: list[str] = []

    def open_layer(**options: str) -> QgsVectorLayer:
        source = {"url": url, "typename": "rooms", "version": "OGC_API_FEATURES", "pagingEnabled": "true", **options}
        layer = QgsVectorLayer(" ".join(f"{name}='{value}'" for name, value in source.items()), "rooms", "OAPIF")
        assert layer.isValid(), layer.error().message()
        return layer

    def read(layer: QgsVectorLayer, request: QgsFeatureRequest) -> dict[str, object]:
        asked.clear()
        rooms = [[_values(feature), _place(feature)] for feature in layer.getFeatures(request)]
        application.processEvents()  # what its threads have reported
        return {"rooms": rooms, "asked": list(asked)}

    manager = QgsNetworkAccessManager.instance()
    manager.requestAboutToBeCreated[QgsNetworkRequestParameters].connect(
        lambda parameters: asked.append(parameters.request().url().toString().removeprefix(url))
    )
    layer = open_layer(pageSize="2")
    area = QgsFeatureRequest().setFilterRect(QgsRectangle(9, 53, 10, 54))
    answers = {
        "count": layer.featureCount(),
        "crs": layer.crs().authid(),
        "fields": [field.name() for field in layer.fields()],
        "all": read(layer, QgsFeatureRequest()),
        "area": read(open_layer(restrictToRequestBBOX="1"), area),
        "cheap": read(open_layer(), QgsFeatureRequest().setFilterExpression("price = 41")),
    }
    json.dump(answers, sys.stdout)


def _values(feature: QgsFeature) -> list[object]:
    return [None if value == NULL else value for value in feature.attributes()]


def _place(feature: QgsFeature) -> list[float] | None:
    return None if feature.geometry().isNull() else list(feature.geometry().asPoint())


main(*sys.argv[1:])
