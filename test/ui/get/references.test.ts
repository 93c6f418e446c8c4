// What was typed into the search of the page "Get models".
import { expect, test } from 'bun:test';
import { askedOf } from '../../../src/ui/pages/get/references.ts';

test.each([
  ['  qwen 4b ', { kind: 'words', text: 'qwen 4b' }],
  ['', { kind: 'words', text: '' }],
  ['owner/name-GGUF', { kind: 'repository', repository: 'owner/name-GGUF', tag: null }],
  ['owner/name:Q4_K_M', { kind: 'repository', repository: 'owner/name', tag: 'Q4_K_M' }],
  ['https://huggingface.co/owner/name', { kind: 'repository', repository: 'owner/name', tag: null }],
  ['https://huggingface.co/owner/name/tree/main', { kind: 'repository', repository: 'owner/name', tag: null }],
  [
    'https://huggingface.co/owner/name/resolve/main/a.gguf',
    { kind: 'address', address: 'https://huggingface.co/owner/name/resolve/main/a.gguf' },
  ],
  ['../etc/passwd', { kind: 'words', text: '../etc/passwd' }],
])('%p', (input, asked) => {
  expect(askedOf(input)).toEqual(asked as ReturnType<typeof askedOf>);
});
