import { expect, test } from 'bun:test';
import { Upstream } from '../../src/base/upstream.ts';
import { relayOnLease } from '../../src/core/usage-relay.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';
import { SmallCore } from '../fixtures/real-child.ts';

const SAID = '"usage":{"prompt_tokens":1e308,"completion_tokens":1e308} "timings":{"predicted_n":9}';

test('only an answer whose quotes are escaped is asked for its counts', async () => {
  await using engine = await rawServer((request, socket) =>
    reply(socket, 200, SAID, { 'content-type': decodeURIComponent(request.path.slice(1)) }),
  );
  const core = new SmallCore([{ id: 'm', baseUrl: engine.url }]);
  const upstream = new Upstream();
  const counted = async (contentType: string): Promise<number | null | undefined> => {
    const answer = await relayOnLease(
      upstream,
      await core.drover.acquire('m'),
      {
        method: 'GET',
        target: `/${encodeURIComponent(contentType)}`,
        headers: new Headers(),
        body: null,
        signal: new AbortController().signal,
      },
      { startedAt: Date.now(), waitedMs: 0, lastFrame: () => null },
    );
    await answer.text();
    await core.untilIdle();
    return core.finished.at(-1)?.promptTokens;
  };
  // A transcript of somebody who dictates counts, subtitles, sound, a page.
  for (const type of ['text/plain; charset=utf-8', 'text/vtt', 'audio/wav', 'text/html', '']) {
    expect(await counted(type)).toBeNull();
  }
  for (const type of [
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/x-ndjson',
    'text/event-stream',
  ]) {
    expect(await counted(type)).toBe(1e308);
  }
  upstream.close();
});
