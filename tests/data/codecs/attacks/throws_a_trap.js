// expected: errors it throws something that cannot be shown
function decodeUplink() {
  throw new Proxy({}, { get() { throw new Error("again"); } });
}
