// What every compiler since bytecode version 84 takes.
'use strict';
var table = {alpha: 1, beta: 'two', gamma: null, delta: true, list: [1, 2.5, 'three', null, false, 'four'], deep: {alpha: 7, beta: 'eight'}};
var more = {alpha: 'other', beta: 2, gamma: undefined, '0': 'index', 'long key with spaces': -1};
function choose(n) { switch (n) { case 0: return 'zero'; case 1: return 'one'; case 2: return 'two'; case 3: return 'three'; case 4: return 'four'; case 5: return 'five'; case 6: return 'six'; case 7: return 'seven'; case 8: return 'eight'; case 9: return 'nine'; case 10: return 'ten'; default: return 'many'; } }
function words(s) { switch (s) { case 'red': return 1; case 'green': return 2; case 'blue': return 3; case 'cyan': return 4; case 'magenta': return 5; case 'yellow': return 6; case 'black': return 7; case 'white': return 8; case 'pink': return 9; case 'grey': return 10; default: return 0; } }
function* count(to) { for (var i = 0; i < to; i++) { try { yield i; } finally { table.list.push(i); } } return 'done'; }
function guard(f) { try { return f(); } catch (error) { return error.message + ' caught'; } finally { table.alpha += 1; } }
function matches(text) { return /^a(b|c)*[x-z]+\d$/gi.test(text) || /second\s+one/m.test(text); }
function Shape(width, height) { if (!new.target) return new Shape(width, height); this.width = width; this.height = height; }
Shape.prototype.area = function () { return this.width * this.height; };
Shape.prototype.describe = function (unit) { return 'area of ' + this.area() + ' ' + unit; };
function rest() { var sum = 0; for (var i = 0; i < arguments.length; i++) sum += arguments[i]; return sum; }
function keys(o) { var all = []; for (var k in o) all.push(k + '=' + o[k]); delete o.alpha; delete o['be' + 'ta']; return all; }
function closures(n) { var kept = []; for (var i = 0; i < n; i++) { kept.push((function (j) { return function () { return j * i; }; })(i)); } return kept; }
var accessors = {get size() { return this.n; }, set size(v) { this.n = v; }, ['computed' + 1]: 3, method: function () { return typeof this; }};
var numbers = [0, -0, 1e300, 0.1, 4294967295, -2147483648, 1 / 3];
function bits(a, b) { return (a & b) | (a ^ b) << 2 >> 1 >>> 1 ^ ~a; }
function compare(a, b) { return [a < b, a <= b, a > b, a >= b, a == b, a != b, a === b, a !== b, a in b, a instanceof b, -a, !b, a % b, a * b - a / b]; }
function loop(a, b) { while (a < b) { if (a === 5) { a += 3; continue; } if (!(a >= 7)) a++; else break; } do { a--; } while (a > 0 && a != b); return a; }
var template = `value ${table.alpha} of ${more.beta}`;
for (var item of table.list) print(item);
print(choose(3), words('blue'), guard(function () { throw new Error('thrown'); }), matches('abx1'), rest.apply(null, numbers), keys(table));
print([...count(3)], closures(3), accessors.size, bits(1, 2), loop(1, 2), template, Math.max.apply(Math, numbers), Object.keys(more), String(Symbol.iterator), 'ümlaut and ☃');
