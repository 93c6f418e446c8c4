// An answer's markdown as elements. No HTML is ever made of what a model wrote: its tags are shown as text but for a few
// that have no attributes here, links lead to pages and letters only, and pictures of other hosts are links.
import type { Token, Tokens } from 'marked';
import { memo, type ReactNode } from 'react';
import { texts } from '../../texts/index.ts';
import { type Block, languageOf, PLAIN, safeAddress, unescaped } from './blocks.ts';
import { Code } from './code.tsx';

export const MarkdownBlock = memo(
  function MarkdownBlock({ block }: { readonly block: Block }) {
    return blockOf(block.token, block.key, block.isSettled);
  },
  (before, after) => before.block.raw === after.block.raw && before.block.isSettled === after.block.isSettled,
);

const blocksOf = (tokens: readonly Token[], isSettled: boolean): ReactNode[] =>
  tokens.map((token, index) => blockOf(token, index, isSettled));

/** The lexer's own union ends in "anything", hence the names. */
function blockOf(token: Token, key: number, isSettled: boolean): ReactNode {
  switch (token.type) {
    case 'heading':
      return heading(token as Tokens.Heading, key);
    case 'paragraph':
      return <p key={key}>{inlines(token.tokens)}</p>;
    case 'code': {
      const { text, lang } = token as Tokens.Code;
      return <Code key={key} text={text} language={languageOf(lang)} isComplete={isSettled} />;
    }
    case 'blockquote':
      return <blockquote key={key}>{blocksOf(token.tokens ?? [], isSettled)}</blockquote>;
    case 'list':
      return list(token as Tokens.List, key, isSettled);
    case 'table':
      return table(token as Tokens.Table, key);
    case 'hr':
      return <hr key={key} />;
    case 'html':
      return <p key={key}>{inlines([token])}</p>;
    case 'space':
    case 'def':
      return null;
    case 'text':
      return <span key={key}>{inlines(token.tokens ?? [token])}</span>;
    default:
      return <p key={key}>{token.raw}</p>;
  }
}

/** The page has its own first headings; an answer's begin below them. */
function heading({ depth, tokens }: Tokens.Heading, key: number): ReactNode {
  const Heading = depth <= 1 ? 'h3' : depth === 2 ? 'h4' : depth === 3 ? 'h5' : 'h6';
  return <Heading key={key}>{inlines(tokens)}</Heading>;
}

function list({ ordered, start, items }: Tokens.List, key: number, isSettled: boolean): ReactNode {
  const rows = items.map((item, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: items of a text have no other name than their place.
    <li key={index} className={item.task ? 'chat-task' : undefined}>
      {item.task && (
        <input type="checkbox" checked={item.checked === true} readOnly disabled aria-label={texts.chat.task} />
      )}
      {blocksOf(
        item.tokens.filter(({ type }) => type !== 'checkbox'),
        isSettled,
      )}
    </li>
  ));
  return ordered ? (
    <ol key={key} start={start === '' ? 1 : start}>
      {rows}
    </ol>
  ) : (
    <ul key={key}>{rows}</ul>
  );
}

function table({ header, rows }: Tokens.Table, key: number): ReactNode {
  return (
    // What scrolls must be reachable by keyboard, and then it needs a name.
    <section key={key} className="chat-table" tabIndex={0} aria-label={texts.chat.table}>
      <table>
        <thead>
          <tr>
            {header.map(({ tokens, align }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: cells have no other name than their place.
              <th key={index} scope="col" className={align === null ? undefined : `chat-${align}`}>
                {inlines(tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: so it is with rows.
            <tr key={index}>
              {row.map(({ tokens, align }, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: and with their cells.
                <td key={column} className={align === null ? undefined : `chat-${align}`}>
                  {inlines(tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Tags without attributes that do no more than a letter does. */
const HARMLESS = new Set(['b', 'i', 'em', 'strong', 'sub', 'sup', 'kbd', 'u', 's', 'mark', 'small']);

function inlines(tokens: readonly Token[] | undefined): ReactNode[] {
  const out: ReactNode[] = [];
  const all = tokens ?? [];
  for (let index = 0; index < all.length; index += 1) {
    const token = all[index];
    if (token === undefined) break;
    if (token.type === 'html') {
      const tag = /^<(\/?)([a-z]+)\s*\/?>$/i.exec(token.raw.trim());
      const name = tag?.[2]?.toLowerCase() ?? '';
      if (name === 'br') {
        out.push(<br key={index} />);
        continue;
      }
      const end = tag?.[1] === '' && HARMLESS.has(name) ? closing(all, index, name) : -1;
      if (end > index) {
        const Tag = name as 'b';
        out.push(<Tag key={index}>{inlines(all.slice(index + 1, end))}</Tag>);
        index = end;
        continue;
      }
    }
    out.push(inline(token, index));
  }
  return out;
}

const closing = (tokens: readonly Token[], from: number, name: string): number =>
  tokens.findIndex(
    (token, index) => index > from && token.type === 'html' && token.raw.trim().toLowerCase() === `</${name}>`,
  );

function inline(token: Token, key: number): ReactNode {
  switch (token.type) {
    case 'strong':
      return <strong key={key}>{inlines(token.tokens)}</strong>;
    case 'em':
      return <em key={key}>{inlines(token.tokens)}</em>;
    case 'del':
      return <del key={key}>{inlines(token.tokens)}</del>;
    case 'codespan':
      return <code key={key}>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br key={key} />;
    case 'link': {
      const { href, tokens } = token as Tokens.Link;
      return <Outside key={key} href={href} raw={token.raw} text={inlines(tokens)} />;
    }
    case 'image': {
      const { href, text } = token as Tokens.Image;
      return <Outside key={key} href={href} raw={token.raw} text={texts.chat.remoteImage(text)} />;
    }
    case PLAIN:
      return (
        <span key={key} className="chat-plain">
          {token.raw}
        </span>
      );
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'text': {
      const { text, tokens } = token as Tokens.Text;
      return tokens === undefined ? unescaped(text) : <span key={key}>{inlines(tokens)}</span>;
    }
    default:
      return token.raw;
  }
}

interface OutsideProps {
  readonly href: string;
  readonly raw: string;
  readonly text: ReactNode;
}

function Outside({ href, raw, text }: OutsideProps) {
  const address = safeAddress(href);
  if (address === null) return raw;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}
