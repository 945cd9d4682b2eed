// Source text without its words: comments and the insides of strings and regular expressions become spaces.

/** The same text, of the same length and with the same lines, in which only code is left (quotes stay, `${…}` is code). */
export function blank(source) {
  const out = [...source.split('')];
  const erase = (from, to) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  const braces = []; // one entry per open brace: whether it opened a `${`
  let at = 0;
  let last = ''; // the last token that was code, to tell a division from a regular expression

  const template = (from) => {
    const end = endOf(source, from, (c, i) => c === '`' || (c === '$' && source[i + 1] === '{'));
    erase(from, end);
    if (source[end] !== '$') return end + 1;
    braces.push(true);
    return end + 2;
  };

  while (at < source.length) {
    const c = source[at];
    const two = source.slice(at, at + 2);
    if (two === '//' || (at === 0 && two === '#!')) {
      const end = endOfLine(source, at);
      erase(at, end);
      at = end;
    } else if (two === '/*') {
      const close = source.indexOf('*/', at + 2);
      const end = close === -1 ? source.length : close + 2;
      erase(at, end);
      at = end;
    } else if (c === "'" || c === '"') {
      const end = endOf(source, at + 1, (d) => d === c || d === '\n');
      erase(at + 1, end);
      at = end + 1;
      last = c;
    } else if (c === '`') {
      at = template(at + 1);
      last = source[at - 1] === '`' ? '`' : '{';
    } else if (c === '/' && !endsValue(last)) {
      let set = false;
      const end = endOf(source, at + 1, (d) => {
        if (d === '[') set = true;
        else if (d === ']') set = false;
        return (d === '/' && !set) || d === '\n';
      });
      erase(at + 1, end);
      at = end + 1;
      last = ')';
    } else if (c === '}' && braces.pop() === true) {
      at = template(at + 1);
      last = source[at - 1] === '`' ? '`' : '{';
    } else {
      if (c === '{') braces.push(false);
      const word = /[\w$]+/y;
      word.lastIndex = at;
      const token = word.exec(source)?.[0] ?? c;
      if (token.trim() !== '') last = token;
      at += token.length;
    }
  }
  return out.join('');
}

const beforeExpression = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'do',
  'else',
  'void',
  'delete',
  'throw',
  'new',
  'await',
  'yield',
]);

/** Whether a slash after this token divides. */
function endsValue(token) {
  return /^[\w$]+$/.test(token) ? !beforeExpression.has(token) : [')', ']', '}', "'", '"', '`'].includes(token);
}

/** Index of the first unescaped character that `stop` accepts, or the length of the text. */
function endOf(source, from, stop) {
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (stop(source[i], i)) return i;
  }
  return source.length;
}

function endOfLine(source, from) {
  const end = source.indexOf('\n', from);
  return end === -1 ? source.length : end;
}
