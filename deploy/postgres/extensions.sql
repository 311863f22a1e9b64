-- ChirpStack searches names by parts of them.
create extension if not exists pg_trgm;
