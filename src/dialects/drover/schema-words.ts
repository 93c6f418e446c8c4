// The words that our own API's schemas are made of.
import { type TSchema, Type } from '@sinclair/typebox';

export const list = Type.Array;
export const text = (description?: string) => Type.String(description === undefined ? {} : { description });
export const whole = (description?: string) => Type.Integer(description === undefined ? {} : { description });
export const number = (description?: string) => Type.Number(description === undefined ? {} : { description });
export const yes = (description?: string) => Type.Boolean(description === undefined ? {} : { description });
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
export const epochMs = () => whole('Epoch milliseconds.');
