// expected: stopped does not end
throw {
  toString() {
    for (;;);
  },
};
