// expected: data {"a":1}
function decodeUplink() {
  const again = () => Promise.resolve().then(again);
  again();
  queueMicrotask(() => { for (;;); });
  return { data: { a: 1 } };
}
