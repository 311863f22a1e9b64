// expected: errors ["TypeError: cannot read property 'x' of undefined (line 3)"]
function decodeUplink(input) {
  return { data: input.nothing.x };
}
