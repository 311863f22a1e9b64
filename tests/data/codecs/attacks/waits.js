// expected: errors ReferenceError: Atomics is not defined
function decodeUplink() {
  return { data: { a: Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) } };
}
