// What highlight.js writes, as a tree of texts and classes, so that nobody has to trust it as HTML. Pure.
export interface Highlighted {
  readonly className: string;
  readonly children: readonly (Highlighted | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
};
const PIECE = /<span class="([\w\s-]*)">|<\/span>|[^<]+|</g;

export function highlightedTree(html: string): Highlighted['children'] {
  const root: (Highlighted | string)[] = [];
  const open: (Highlighted | string)[][] = [root];
  for (const [piece, className] of html.matchAll(PIECE)) {
    const current = open.at(-1) ?? root;
    if (className !== undefined) {
      const children: (Highlighted | string)[] = [];
      current.push({ className, children });
      open.push(children);
    } else if (piece === '</span>') {
      if (open.length > 1) open.pop();
    } else current.push(piece.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity));
  }
  return root;
}
