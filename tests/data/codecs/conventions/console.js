// expected: data {"ok":true}
console.log("loaded");
function decodeUplink(input) {
  console.info(input);
  console.warn("a");
  console.error("b");
  console.debug("c");
  console.trace("d");
  return { data: { ok: true } };
}
