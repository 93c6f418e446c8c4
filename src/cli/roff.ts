// Text → roff as man(7) has it, for any reader of manual pages: all of it ASCII, and nothing in a text is taken for a request.

const GLYPHS: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
};
const LINE_WIDTH = 78;

/** One line's worth of plain text, nothing in it with a meaning of its own. */
export const escaped = (text: string): string =>
  text
    .replace(/[\\\-'`^~"]/g, (sign) => GLYPHS[sign] ?? sign)
    .replace(/[^\n -~]/gu, (sign) => `\\[u${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`);

/** What is typed as it stands, hence never hyphenated. */
export const bold = (text: string): string => `\\fB\\%${escaped(text)}\\fR`;
export const italic = (text: string): string => `\\fI${escaped(text)}\\fR`;

/** Escaped words in lines of a readable length; a dot or a quote never begins one. */
export function filled(roff: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of roff.split(/\s+/).filter((one) => one !== '')) {
    if (line !== '' && line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((one) => (/^[.']/.test(one) ? `\\&${one}` : one)).join('\n');
}

export const section = (title: string, ...parts: readonly string[]): string =>
  [`.SH ${escaped(title)}`, ...parts].join('\n');

/** The first after a heading goes without `.PP`, which would be of no effect there. */
export const paragraphs = (...texts: readonly string[]): string => texts.map((text) => filled(text)).join('\n.PP\n');

/** A tag, and beside or below it what it means; both are roff. */
export const tagged = (tag: string, text: string): string =>
  `.TP\n${/^[.']/.test(tag) ? `\\&${tag}` : tag}\n${filled(text)}`;

/** As it stands, line by line. */
export const example = (...lines: readonly string[]): string =>
  ['.PP', '.nf', '.RS 4', ...lines.map((line) => `\\&${escaped(line)}`), '.RE', '.fi'].join('\n');

/** Commander's words: `<model> [prompt...]`. */
export const operands = (words: string): string =>
  words
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [, open = '', name = '', dots = ''] = /^([<[])([^>\].]+)(\.\.\.)?[>\]]$/.exec(word) ?? [];
      const shown = `${italic(name)}${dots === '' ? '' : ' ...'}`;
      return open === '[' ? `[${shown}]` : shown;
    })
    .join(' ');
