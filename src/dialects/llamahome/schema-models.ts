// LlamaHome's wire shapes of models: the list, the active one loaded and unloaded, the defaults of one.
import { Type } from '@sinclair/typebox';
import { open, orNull, samplingFields, text, whole } from './schema.ts';

export const ModelsSchema = () =>
  Type.Object(
    {
      models: Type.Array(
        Type.Object(
          {
            id: text,
            name: text,
            version: Type.String({ description: 'As the name says it; `unknown` where it does not.' }),
            parameters: Type.String({ description: '`8B`; `unknown` where it is not known.' }),
            context_length: orNull(Type.Integer({ description: 'What it was trained for, in tokens.' })),
            loaded: Type.Boolean(),
            active: Type.Boolean({ description: 'It is what `llama3.3` means.' }),
            error: Type.Optional(Type.String({ description: 'Why it cannot be used.' })),
          },
          open,
        ),
      ),
    },
    {
      ...open,
      examples: [
        {
          models: [
            {
              id: 'llama-3.3-8b-q4_k_m',
              name: 'Llama 3.3 8B',
              version: '3.3',
              parameters: '8B',
              context_length: 131072,
              loaded: true,
              active: true,
            },
          ],
        },
      ],
    },
  );

export const LoadBody = Type.Object(
  {
    model_path: Type.String({
      minLength: 1,
      maxLength: 4096,
      description: 'The whole path of a GGUF file, or the name of a known model.',
    }),
  },
  { ...open, examples: [{ model_path: '{{model}}' }] },
);

export const statusOf = (message: string) =>
  Type.Object(
    { status: Type.Union([Type.Literal('success'), Type.Literal('error')]), message: text },
    { ...open, examples: [{ status: 'success', message }] },
  );

export const ConfigureBody = Type.Object(
  { model: Type.String({ minLength: 1 }), ...samplingFields },
  { ...open, examples: [{ model: '{{model}}', temperature: 0.7, max_tokens: 100 }] },
);

export const effectiveFields = {
  temperature: Type.Number(),
  max_tokens: whole,
  top_p: Type.Number(),
  frequency_penalty: Type.Number(),
  presence_penalty: Type.Number(),
};

export const samplingShape = () => Type.Object(effectiveFields, open);

export const ConfiguredSchema = () =>
  Type.Object(
    { status: Type.Literal('success'), message: text, model: text, updated_params: samplingShape() },
    {
      ...open,
      examples: [
        {
          status: 'success',
          message: 'Updated the defaults of llama-3.3-8b-q4_k_m.',
          model: 'llama-3.3-8b-q4_k_m',
          updated_params: { temperature: 0.5, max_tokens: 200, top_p: 0.9, frequency_penalty: 0, presence_penalty: 0 },
        },
      ],
    },
  );
