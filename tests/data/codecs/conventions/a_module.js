// expected: errors ["SyntaxError: unsupported keyword: export (line 2)"]
export function decodeUplink() {}
