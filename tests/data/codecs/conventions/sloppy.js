// expected: data {"sum":17,"octal":8,"plain":true,"global":true}
function decodeUplink(input) {
  sum = 0;
  for (i = 0; i < input.bytes.length; i++) sum += input.bytes[i];
  return { data: { sum: sum, octal: 010, plain: Array.isArray(input.bytes.slice(0)), global: this === globalThis } };
}
