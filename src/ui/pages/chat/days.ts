// Chats by the day on which something was last said in them, as people count days. Pure: the time comes in.
import type { Chat } from './chat.ts';

export type Day = 'pinned' | 'today' | 'yesterday' | 'week' | 'month' | 'older';
const ORDER: readonly Day[] = ['pinned', 'today', 'yesterday', 'week', 'month', 'older'];

/** Midnight of the reader's zone, `days` ago; days of 23 and 25 hours are days too. */
function midnight(now: number, days: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days).getTime();
}

function dayOf({ isPinned, updatedAt }: Pick<Chat, 'isPinned' | 'updatedAt'>, now: number): Day {
  if (isPinned) return 'pinned';
  if (updatedAt >= midnight(now, 0)) return 'today';
  if (updatedAt >= midnight(now, 1)) return 'yesterday';
  if (updatedAt >= midnight(now, 7)) return 'week';
  return updatedAt >= midnight(now, 30) ? 'month' : 'older';
}

export function byDay<C extends Pick<Chat, 'isPinned' | 'updatedAt'>>(
  chats: readonly C[],
  now: number,
): readonly { readonly day: Day; readonly chats: readonly C[] }[] {
  const groups = Map.groupBy(chats, (chat) => dayOf(chat, now));
  return ORDER.flatMap((day) => {
    const found = groups.get(day);
    return found === undefined ? [] : [{ day, chats: found }];
  });
}
