// What somebody typed into the search: words, a repository, one of its quantizations, or the address of a file. Pure.

export type Asked =
  | { readonly kind: 'words'; readonly text: string }
  | { readonly kind: 'repository'; readonly repository: string; readonly tag: string | null }
  | { readonly kind: 'address'; readonly address: string };

const NAME = '[A-Za-z0-9][\\w.-]{0,95}';
const REPOSITORY = new RegExp(`^(${NAME}/${NAME})(?::([\\w.-]{1,64}))?$`);

export function askedOf(input: string): Asked {
  const text = input.trim();
  const short = REPOSITORY.exec(text);
  if (short?.[1] !== undefined) return { kind: 'repository', repository: short[1], tag: short[2] ?? null };
  if (/^https?:\/\//i.test(text)) {
    const page = new RegExp(`^https?://[^/]+/(${NAME}/${NAME})/?(?:tree/[^?]*)?(?:\\?.*)?$`, 'i').exec(text);
    if (page?.[1] !== undefined) return { kind: 'repository', repository: page[1], tag: null };
    return { kind: 'address', address: text };
  }
  return { kind: 'words', text };
}
