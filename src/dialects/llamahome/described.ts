// How LlamaHome's routes describe themselves: their tag and their error, said once.
import { describer } from '../described.ts';
import { ErrorSchema } from './schema.ts';

export const described = describer({ tag: 'LlamaHome', error: ErrorSchema });
