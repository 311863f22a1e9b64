// expected: data {"spread":true,"differ":true,"numbers":[0.0032351948811413234,0.763896151060349]}
const numbers = [Math.random(), Math.random()];
function decodeUplink() {
  const many = Array.from({ length: 1000 }, Math.random);
  const mean = many.reduce((sum, one) => sum + one, 0) / many.length;
  return {
    data: {
      spread: mean > 0.45 && mean < 0.55 && many.every((one) => one >= 0 && one < 1),
      differ: new Set(many).size === many.length,
      numbers,
    },
  };
}
