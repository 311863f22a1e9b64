// expected: data {"size":2}
const decodeUplink = ({ bytes }) => ({ data: { size: bytes.length } });
