// expected: stopped needs more time
while (true);
function decodeUplink() {}
