import { expect, test } from 'bun:test';
import { givenPort, listeningHosts } from '../../src/core/given-port.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const hostsOf = (command: string, baseUrl = 'http://127.0.0.1:0'): string[] =>
  listeningHosts({ argv: command.split(' '), baseUrl });

test.each([
  ['server --port 0', ['127.0.0.1']],
  ['server --host 0.0.0.0 --port 0', ['127.0.0.1', '0.0.0.0']],
  ['server --host=:: --port 0', ['127.0.0.1', '::']],
  ['server --bind=[::1]:0', ['127.0.0.1', '::1']],
  ['docker run -p 192.168.7.2:0:8080 image', ['127.0.0.1']],
  ['server --bind 10.0.0.7:0', ['127.0.0.1', '10.0.0.7']],
  ['server --host localhost', ['127.0.0.1', '::1']],
  ['server --host name.example', ['127.0.0.1']],
  ['server --samplers top_k;top_p --ctx-size 4096 -m /models/1.2.3.4/a.gguf', ['127.0.0.1']],
])('%s', (command, hosts) => {
  expect(hostsOf(command)).toEqual(hosts);
});

test('where it is asked counts too, whatever is written there', () => {
  expect(hostsOf('server', 'http://[::1]:0')).toEqual(['127.0.0.1', '::1']);
  expect(hostsOf('server', 'nowhere')).toEqual(['127.0.0.1']);
});

test('no port beyond the last: said with what to do', () => {
  const fault = thrownBy(() => givenPort({ argv: ['server'], baseUrl: '' }, 65_535, new Set([65_535])));
  expect(fault).toMatchObject({ kind: 'unavailable', blame: 'machine', details: { startPort: 65_535 } });
  expect(fault.message).toContain('65535');
  expect(fault.hint).toContain('startPort');
});
