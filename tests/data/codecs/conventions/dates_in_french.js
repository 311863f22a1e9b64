// expected: data {"at":"24/11/2026 07:52:09","day":"24/11/26","winter":"29/03/2026 01:59:59","summer":"29/03/2026 03:00:00","still":"25/10/2026 02:59:59","again":"25/10/2026 02:00:00"}
function paris(at, options) {
  return at.toLocaleString("fr-FR", Object.assign({ timeZone: "Europe/Paris", hour12: false }, options));
}
function decodeUplink(input) {
  return {
    data: {
      at: paris(input.recvTime),
      day: paris(input.recvTime, { year: "2-digit", month: "2-digit", day: "2-digit" }),
      winter: paris(new Date("2026-03-29T00:59:59Z")),
      summer: paris(new Date("2026-03-29T01:00:00Z")),
      still: paris(new Date("2026-10-25T00:59:59Z")),
      again: paris(new Date("2026-10-25T01:00:00Z")),
    },
  };
}
