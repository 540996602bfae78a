-- `sam local` logs in as the function does on AWS, instead of as the owner.
ALTER ROLE rentomatic_reader LOGIN PASSWORD 'rentomatic';
