// Markdown cut into its blocks while it grows: those that are settled are not read again, so that a frame costs what its
// last block costs. Pure.
import { Lexer, type Token } from 'marked';

export interface Block {
  /** Stands still while the text grows. */
  readonly key: number;
  readonly raw: string;
  readonly token: Token;
  /** Nothing that comes later changes it. */
  readonly isSettled: boolean;
}

export interface Cut {
  readonly text: string;
  readonly blocks: readonly Block[];
  /** Characters of `text` in blocks that are settled. */
  readonly settledLength: number;
}

export const NOTHING: Cut = { text: '', blocks: [], settledLength: 0 };

/** The last blocks may still become part of each other: a list goes on behind an empty line. */
const OPEN_BLOCKS = 2;
/**
 * Letters in one paragraph of which more are shown as they are: no reader of markdown is meant for them, and reading them
 * takes 4 µs a letter, in each frame while they grow.
 */
const LONGEST_GROWING = 8000;
const LONGEST_WHOLE = 20_000;

/** `text` must begin with the text of `before`, else it is read anew. */
export function cut(text: string, before: Cut = NOTHING, isWhole = false): Cut {
  const goesOn = !isWhole && before.settledLength > 0 && text.startsWith(before.text);
  const kept = goesOn ? before.blocks.filter(({ isSettled }) => isSettled) : [];
  const tail = goesOn ? text.slice(before.settledLength) : text;
  const found = lexed(tail, isWhole ? LONGEST_WHOLE : LONGEST_GROWING);
  const settledCount = isWhole ? found.length : Math.max(0, found.length - OPEN_BLOCKS);
  const blocks = found.map(
    (token, index): Block => ({
      key: kept.length + index,
      raw: token.raw,
      token,
      isSettled: index < settledCount,
    }),
  );
  // Lexers give tabs and line ends their own look; only lengths that add up can be gone on from.
  const length = found.reduce((sum, token) => sum + token.raw.length, 0);
  const settled = found.slice(0, settledCount).reduce((sum, token) => sum + token.raw.length, 0);
  const isExact = length === tail.length;
  return {
    text,
    blocks: [...kept, ...(isExact || isWhole ? blocks : blocks.map((block) => ({ ...block, isSettled: false })))],
    settledLength: (goesOn ? before.settledLength : 0) + (isExact ? settled : 0),
  };
}

/** Blocks of the text; empty lines belong to what stands before them. */
function lexed(text: string, longest: number): Token[] {
  const blocks: Token[] = [];
  for (const token of tokensOf(text, longest)) {
    const last = blocks.at(-1);
    if (token.type === 'space' && last !== undefined) {
      blocks[blocks.length - 1] = { ...last, raw: last.raw + token.raw };
    } else blocks.push(token);
  }
  return blocks;
}

/** As `Lexer.lex`, but for what is too long within its blocks. */
function tokensOf(text: string, longest: number): readonly Token[] {
  try {
    const lexer = new Lexer({ gfm: true, breaks: true });
    lexer.blockTokens(text.replace(/\r\n|\r/g, '\n'), lexer.tokens);
    for (const { src, tokens } of lexer.inlineQueue) {
      if (src.length <= longest) lexer.inlineTokens(src, tokens);
      else tokens.push({ type: PLAIN, raw: src, text: src });
    }
    return lexer.tokens;
  } catch {
    // Nested deeper than there is room for.
    return [{ type: 'paragraph', raw: text, text, tokens: [{ type: PLAIN, raw: text, text }] }];
  }
}

/** Text in which line ends count and nothing else does. */
export const PLAIN = 'plain';

/** Where a link may lead: to pages and letters. Everything else, whatever its spelling, is text. */
export function safeAddress(href: string): string | null {
  // Browsers pass over control characters and spaces in a scheme.
  const clean = [...href].filter((letter) => letter > ' ' && letter !== '\u007f').join('');
  if (!/^(?:https?:\/\/|mailto:)/i.test(clean)) return null;
  try {
    return new URL(clean).href;
  } catch {
    return null;
  }
}

/** The first word behind a fence, as far as it is one. */
export const languageOf = (info: string | undefined): string =>
  /^[\w+#.-]{1,30}/.exec((info ?? '').trim())?.[0]?.toLowerCase() ?? '';

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  hellip: '…',
  mdash: '—',
  ndash: '–',
};

/** Text with the entities that models write; others stay as they are. */
export const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
