// expected: stopped
function decodeUplink() {
  const grow = () => ({ get a() { return grow(); }, get b() { return grow(); }, toJSON() { return { c: [grow(), grow()] }; } });
  return { data: Array.from({ length: 100 }, (_, i) => ({ toJSON() { for (;;) grow(); } })) };
}
