// expected: errors {"name":"Error"}
Error.prepareStackTrace = function () { for (;;); };
Object.defineProperty(Error.prototype, "message", { get() { return { toString() { throw 1; } }; } });
function decodeUplink() {
  throw { name: "Error", message: { length: 1 }, toJSON() { return { name: "Error" }; } };
}
