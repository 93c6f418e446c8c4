// LlamaHome's wire shapes of how the server is: health, findings, figures, caches, its end.
import { Type } from '@sinclair/typebox';
import { open, orNull, text, time, whole } from './schema.ts';

const status = Type.Union([Type.Literal('success'), Type.Literal('error')]);

export const HealthSchema = () =>
  Type.Object(
    { status, message: text, model_loaded: Type.Boolean(), uptime: Type.Integer({ description: 'Seconds.' }) },
    {
      ...open,
      examples: [{ status: 'success', message: '1 model is loaded.', model_loaded: true, uptime: 3600 }],
    },
  );

export const DiagnosticsSchema = () =>
  Type.Object(
    {
      status: Type.Union([Type.Literal('success'), Type.Literal('error')], {
        description: 'error: something needs mending.',
      }),
      message: text,
      findings: Type.Array(
        Type.Object(
          {
            severity: Type.String({ description: 'ok, note, warning or error.' }),
            topic: text,
            message: text,
            hint: orNull(text),
          },
          open,
        ),
      ),
      timestamp: time,
    },
    {
      ...open,
      examples: [
        {
          status: 'success',
          message: '3 findings, 1 warning.',
          findings: [
            { severity: 'warning', topic: 'disk', message: '/data has less than 2 GiB left.', hint: 'Free some.' },
          ],
          timestamp: '2026-01-02T03:04:05.000Z',
        },
      ],
    },
  );

export const ClearBody = Type.Object(
  {
    reload: Type.Optional(
      Type.Boolean({
        description:
          'Loads idle models again, which empties whatever their engines remember. Most engines erase nothing else.',
      }),
    ),
  },
  { ...open, examples: [{ reload: false }] },
);

export const ClearedSchema = () =>
  Type.Object(
    {
      status: Type.Literal('success'),
      message: text,
      prompt_caches: Type.Array(
        Type.Object(
          {
            model: text,
            cleared: Type.Boolean(),
            slots: whole,
            tokens: whole,
            reason: orNull(Type.String({ description: 'Why not, or why not all of it.' })),
          },
          open,
        ),
      ),
      files_deleted: whole,
      bytes_freed: whole,
    },
    {
      ...open,
      examples: [
        { status: 'success', message: 'Deleted 2 files.', prompt_caches: [], files_deleted: 2, bytes_freed: 1048576 },
      ],
    },
  );

export const StoppingSchema = () =>
  Type.Object(
    { status: Type.Literal('success'), message: text },
    { ...open, examples: [{ status: 'success', message: 'Drover is stopping.' }] },
  );
