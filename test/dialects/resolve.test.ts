import { expect, test } from 'bun:test';
import { changesState, DIALECT_IDS, isDialect, ownerOf, speakerOf, splitPrefix } from '../../src/dialects/resolve.ts';

test.each([
  ['/api/events', 'clara'],
  ['/api/models/downloads', 'clara'],
  ['/api/config', 'clara'],
  ['/logs', 'clara'],
  ['/api/nothing', 'clara'],
  ['/api/instances', 'llamactl'],
  ['/api/instances/a/start', 'llamactl'],
  ['/api/instancesx', 'clara'],
  ['/api/system/status', 'llamactl'],
  ['/api/system/info/', 'llamactl'],
  ['/api/system/specs', 'clara'],
  ['/api/auth/login', 'llamactl'],
  ['/api/ws', 'llamactl'],
  ['/api/process', 'llamahome'],
  ['/v1/process_prompt', 'llamahome'],
  ['/api/models', 'llamahome'],
  ['/api/models/', 'llamahome'],
  ['/v1/models', 'openai'],
  ['/v1/ws', 'llamahome'],
  ['/v1/chat/completions', 'openai'],
  ['/api/v1/models', 'obt'],
  ['/api/v1', 'obt'],
  ['/api/v1x', 'clara'],
  ['/ws/test-progress', 'obt'],
  ['/models', 'beautyai'],
  ['/models/a/load', 'beautyai'],
  ['/modelsx', 'openai'],
  ['/system/status', 'beautyai'],
  ['/inference/chat', 'beautyai'],
  ['/drover/status', 'drover'],
  ['/tokenize', 'openai'],
  ['/nothing', 'openai'],
] as const)('%s is %s’s', (path, owner) => {
  expect(ownerOf(path)).toBe(owner);
  expect(speakerOf(path, null)).toBe(owner);
});

test('who asks for a dialect gets it where nobody else has the path, or where two have it', () => {
  for (const asked of DIALECT_IDS) {
    expect(speakerOf('/nothing', asked)).toBe(asked);
    expect(speakerOf('/api/config', asked)).toBe(asked);
    expect(speakerOf('/api/metrics', asked)).toBe(asked);
    expect(speakerOf('/v1/models', asked)).toBe('openai');
    expect(speakerOf('/tokenize', asked)).toBe('openai');
    expect(speakerOf('/models/x', asked)).toBe('beautyai');
  }
});

test('a prefix names one dialect, and the rest is a path', () => {
  expect(splitPrefix('/dialect/obt/api/v1/models')).toEqual({ dialect: 'obt', rest: '/api/v1/models' });
  expect(splitPrefix('/dialect/beautyai')).toEqual({ dialect: 'beautyai', rest: '/' });
  expect(splitPrefix('/dialect/beautyai/')).toEqual({ dialect: 'beautyai', rest: '/' });
  expect(splitPrefix('/dialect/llamactl//api')).toEqual({ dialect: 'llamactl', rest: '//api' });
  for (const path of ['/dialect/', '/dialect/nobody/x', '/dialects/obt/x', '/x/dialect/obt/x', '/dialect/obtx', '/']) {
    expect(splitPrefix(path)).toBeNull();
  }
  for (const word of ['', 'OBT', 'toString', '__proto__']) expect(isDialect(word)).toBe(false);
});

test('what changes something is known as that, whoever owns it', () => {
  expect(changesState('GET', '/models')).toBe(false);
  expect(changesState('POST', '/models')).toBe(true);
  expect(changesState('GET', '/unload')).toBe(true);
});
