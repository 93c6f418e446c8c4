// Named instances in the test's own process, with the real core: moments that no request hits by chance.
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { faultOf, thrownBy } from '../fixtures/fault-of.ts';
import { openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const open = async () => {
  const house = await openHouse();
  const { desks } = house.core;
  if (desks === null) throw new Error('a house for tests has desks');
  const file = (name: string): string => {
    const path = join(house.dataFolder, `${name}.gguf`);
    house.put(`../${name}.gguf`, tinyLlama({ name, contextTokens: 256 }));
    return path;
  };
  return { house, desk: desks.instances, file };
};

test('once a delete has begun nobody starts it any more', async () => {
  const { house, desk, file } = await open();
  await using _ = house;
  await desk.create({ name: 'a', modelPath: file('a') });
  const removing = desk.remove('a');
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(thrownBy(() => desk.start('a')).kind).toBe('not_found');
  await removing;
  expect(house.drover.instances()).toEqual([]);
  expect(thrownBy(() => desk.get('a')).kind).toBe('not_found');
});

test('a create that the configuration refuses leaves nothing behind', async () => {
  const { house, desk, file } = await open();
  await using _ = house;
  house.configure('ttl: [broken');
  expect((await faultOf(desk.create({ name: 'a', modelPath: file('a') }))).kind).toBe('config_invalid');
  expect(house.core.modelBook.all()).toEqual([]);
  house.configure('');
  await desk.create({ name: 'a', modelPath: file('a') });
  house.configure('ttl: [broken');
  expect((await faultOf(desk.update('a', { options: { threads: 1 } }))).kind).toBe('config_invalid');
  expect(desk.get('a').options).toEqual({});
});

test('what comes and goes while the server ends is not taken for anybody’s wish', async () => {
  const { house, desk, file } = await open();
  await using _ = house;
  await desk.create({ name: 'a', modelPath: file('a') });
  desk.start('a');
  await house.untilState('a', 'ready');
  desk.rest();
  await house.drover.stop('a');
  await house.untilState('a', 'stopped');
  // It is still wanted, and the server that stays starts it.
  desk.goOn();
  await house.untilState('a', 'ready');
  await house.drover.stop('a');
  desk.rest();
  desk.goOn();
  expect(desk.get('a').status).toBe('stopped');
});
