"""ChirpStack's services, a file each: methods take a request and a caller, and give an answer or raise Refused."""
