// expected: errors ["RangeError: not today (line 2)"]
throw new RangeError("not today");
function decodeUplink() {}
