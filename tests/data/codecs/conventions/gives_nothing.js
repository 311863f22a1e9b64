// expected: errors ["the codec gives undefined, not an object with data or errors"]
function decodeUplink() {}
