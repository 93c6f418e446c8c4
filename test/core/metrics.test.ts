import { expect, test } from 'bun:test';
import { metricsText } from '../../src/core/metrics.ts';
import { SmallCore } from '../fixtures/real-child.ts';

const { drover } = new SmallCore([]);
const linesOf = (...texts: string[]): string[] =>
  metricsText(
    drover,
    texts.map((text, index) => ({ modelId: `m${index}`, text })),
  )
    .trimEnd()
    .split('\n')
    .filter((line) => !line.includes('drover_'));

test('families of several engines are told once, their samples together', () => {
  const engine =
    '# HELP a_total Help of a.\n# TYPE a_total counter\na_total 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 3.5e-1\n';
  expect(linesOf(engine, engine.replace('a_total 1', 'a_total{x="y"} 4 1700000000000'))).toEqual([
    '# HELP a_total Help of a.',
    '# TYPE a_total counter',
    'a_total{model="m0"} 1',
    'a_total{model="m1",x="y"} 4 1700000000000',
    '# HELP h ',
    '# TYPE h histogram',
    'h_bucket{model="m0",le="+Inf"} 2',
    'h_sum{model="m0"} 3.5e-1',
    'h_bucket{model="m1",le="+Inf"} 2',
    'h_sum{model="m1"} 3.5e-1',
  ]);
});

test('an engine cannot break the text nor speak in our name', () => {
  expect(linesOf('drover_models 99\nx{a="b} 1\nx 1 2 3\nx{a="\\"} 1\nx one\n# TYPE\n<html>\nx{a="b",} 1\n')).toEqual([
    '# HELP x ',
    '# TYPE x untyped',
    'x{model="m0",a="b"} 1',
  ]);
});
