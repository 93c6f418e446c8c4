#!/usr/bin/env node
// A streamed chat with nothing to install: chat.mjs MODEL WORDS…
// OPENAI_BASE_URL and OPENAI_API_KEY are those of OpenAI's own library, which works as well.
const base = (process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:5800/v1').replace(/\/+$/, '');
const key = process.env.OPENAI_API_KEY ?? 'none';

/** Yields the answer piece by piece. */
async function* chat(model, messages) {
  const answer = await fetch(`${base}/chat/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages, stream: true }),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${(await answer.json()).error.message}`);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of answer.body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: ') || line.trim() === 'data: [DONE]') continue;
      const event = JSON.parse(line.slice('data: '.length));
      if (event.error) throw new Error(`the stream failed: ${event.error.message}`);
      for (const { delta } of event.choices ?? []) yield delta.content ?? '';
    }
  }
}

const [model, ...words] = process.argv.slice(2);
if (words.length === 0) {
  console.error('usage: chat.mjs MODEL WORDS…');
  process.exit(1);
}
try {
  for await (const piece of chat(model, [{ role: 'user', content: words.join(' ') }])) process.stdout.write(piece);
  process.stdout.write('\n');
} catch (thrown) {
  console.error(thrown.message);
  process.exit(1);
}
