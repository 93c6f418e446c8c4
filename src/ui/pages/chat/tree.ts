// The messages of a chat as the tree that they are: an edited question or a new answer is a sibling, and the head is the
// leaf that is shown. Pure.
import type { ChatMessage } from './chat.ts';

type Node = Pick<ChatMessage, 'id' | 'parentId' | 'createdAt'>;

const byAge = (left: Node, right: Node): number => left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1);

/** From the first message to `headId`; empty where there is none. Chains that bite their tail end where they would. */
export function pathTo<M extends Node>(messages: readonly M[], headId: string | null): readonly M[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const path: M[] = [];
  const seen = new Set<string>();
  for (let id = headId; id !== null && !seen.has(id); ) {
    const message = byId.get(id);
    if (message === undefined) break;
    seen.add(id);
    path.push(message);
    id = message.parentId;
  }
  return path.reverse();
}

/** Those with the same parent, oldest first, the message itself among them. */
export const siblingsOf = <M extends Node>(messages: readonly M[], message: Node): readonly M[] =>
  messages.filter(({ parentId }) => parentId === message.parentId).sort(byAge);

/** The end of the branch below `id`: always the newest child. */
export function leafBelow<M extends Node>(messages: readonly M[], id: string): string {
  const seen = new Set<string>();
  let leaf = id;
  for (;;) {
    if (seen.has(leaf)) return leaf;
    seen.add(leaf);
    const newest = messages
      .filter(({ parentId }) => parentId === leaf)
      .sort(byAge)
      .at(-1);
    if (newest === undefined) return leaf;
    leaf = newest.id;
  }
}

/** The head as it is, or the newest leaf where it names nothing that is there. */
export function headOf<M extends Node>(messages: readonly M[], headId: string | null): string | null {
  if (headId !== null && messages.some(({ id }) => id === headId)) return headId;
  const newest = [...messages].sort(byAge).at(-1);
  return newest === undefined ? null : leafBelow(messages, newest.id);
}

/** The message and all below it. */
export function subtreeOf<M extends Node>(messages: readonly M[], id: string): ReadonlySet<string> {
  const found = new Set([id]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const message of messages) {
      if (message.parentId !== null && found.has(message.parentId)) found.add(message.id);
    }
  }
  return found;
}
