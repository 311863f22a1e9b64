// expected: stopped
function decodeUplink() {
  return { data: new Proxy({}, {
    ownKeys: () => Array.from({ length: 1e7 }, (_, i) => "k" + i),
    getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
    get: () => 1,
  }) };
}
