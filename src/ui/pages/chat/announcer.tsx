// Says aloud that an answer is on its way and that it has come, and nothing of what is in it.
import { useEffect, useState } from 'react';
import { texts } from '../../texts/index.ts';
import { useAnsweredChats } from './answering.ts';
import { knownChat } from './store.ts';

export function Announcer({ chatId }: { readonly chatId: string | null }) {
  const answered = useAnsweredChats();
  const isAnswering = chatId !== null && answered.has(chatId);
  const [said, setSaid] = useState('');
  useEffect(() => {
    const { answering, answered: done, failed } = texts.chat.live;
    if (isAnswering) return setSaid(answering);
    setSaid((before) => {
      if (before !== answering || chatId === null) return '';
      return knownChat(chatId)?.messages.at(-1)?.state === 'failed' ? failed : done;
    });
  }, [isAnswering, chatId]);
  return (
    <p className="only-read" role="status">
      {said}
    </p>
  );
}
