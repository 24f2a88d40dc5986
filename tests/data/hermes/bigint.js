// Bigints, from bytecode version 87.
var big = 123456789012345678901234567890n;
function raise(n) { n++; return n * big + 42n ** 3n; }
print(raise(2n), -7n);
