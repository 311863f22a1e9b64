// expected: errors ["ReferenceError: require is not defined (line 2): a codec is one file and loads no other"]
const helper = require("./helper");
function decodeUplink() {}
