// A value between two ends, drawn or, beside it, typed.
import { Slider as Slide } from '@base-ui/react/slider';
import { type ReactNode, useId, useState } from 'react';
import { countOf } from '../format.ts';
import { texts } from '../texts/index.ts';

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly onChange: (value: number) => void;
  /** Said after the label, and to screen readers in place of the bare number. */
  readonly valueText: string;
  readonly help?: ReactNode;
  readonly isDisabled?: boolean;
  /** Where the value may also be typed exactly. */
  readonly exact?: ReactNode;
}

export function Slider({
  label,
  value,
  min,
  max,
  step = 1,
  onChange,
  valueText,
  help,
  isDisabled = false,
  exact,
}: SliderProps) {
  const helpId = useId();
  return (
    <Slide.Root
      className="slider"
      value={value}
      min={min}
      max={max}
      step={step}
      disabled={isDisabled}
      onValueChange={(next) => onChange(typeof next === 'number' ? next : (next[0] ?? min))}
    >
      <div className="slider-head">
        <span className="field-label">{label}</span>
        <span className="slider-value">{valueText}</span>
      </div>
      <div className="slider-line">
        <Slide.Control className="slider-control">
          <Slide.Track className="slider-track">
            <Slide.Indicator className="slider-fill" />
            <Slide.Thumb
              className="slider-thumb"
              aria-label={label}
              getAriaValueText={() => valueText}
              {...(help === undefined ? {} : { 'aria-describedby': helpId })}
            />
          </Slide.Track>
        </Slide.Control>
        {exact}
      </div>
      {help !== undefined && (
        <p className="field-help" id={helpId}>
          {help}
        </p>
      )}
    </Slide.Root>
  );
}

interface ExactNumberProps {
  readonly label: string;
  /** Null: automatic, shown as empty. */
  readonly value: number | null;
  readonly min: number;
  /** What is larger is taken as this. */
  readonly max: number;
  readonly onChange: (value: number | null) => void;
}

/** Takes what is typed when Enter is pressed or the field is left; Escape takes it back. */
export function ExactNumber({ label, value, min, max, onChange }: ExactNumberProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const typed = draft === null || draft.trim() === '' ? null : countOf(draft);
  const isWrong = draft !== null && draft.trim() !== '' && typed === null;
  const commit = (): void => {
    if (draft === null || isWrong) return;
    setDraft(null);
    const next = typed === null ? null : Math.min(max, Math.max(min, typed));
    if (next !== value) onChange(next);
  };
  return (
    <input
      className="input slider-exact"
      aria-label={texts.parts.exactly(label)}
      aria-invalid={isWrong}
      inputMode="numeric"
      autoComplete="off"
      placeholder={texts.parts.automatic}
      value={draft ?? (value === null ? '' : String(value))}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={() => (isWrong ? setDraft(null) : commit())}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        else if (event.key === 'Escape' && draft !== null) {
          event.stopPropagation();
          setDraft(null);
        }
      }}
    />
  );
}
