// expected: data {"now":1795503129123,"new":"2026-11-24T06:52:09.123Z","same":true,"instance":true,"text":"Tue Nov 24 2026 06:52:09 GMT+0000","zone":0,"local":6,"given":"1970-01-01T00:00:00.000Z","parts":1583020800000,"parsed":0,"none":["undefined","undefined"]}
const loadedAt = Date.now();
class Later extends Date {}
function decodeUplink(input) {
  const now = new Date();
  return {
    data: {
      now: Date.now(),
      new: now,
      same: loadedAt === +input.recvTime && +new Later() === loadedAt && +new (now.constructor)() === loadedAt,
      instance: now instanceof Date && input.recvTime instanceof Date && new Later() instanceof Later,
      text: Date().slice(0, 33),
      zone: now.getTimezoneOffset(),
      local: now.getHours(),
      given: new Date(0),
      parts: +new Date(2020, 2, 1),
      parsed: Date.parse("1970-01-01T00:00:00Z") + Date.UTC(1970, 0),
      none: [typeof performance, typeof setTimeout],
    },
  };
}
