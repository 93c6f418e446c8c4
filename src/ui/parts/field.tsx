// Things that are filled in, each with its label, help and error, tied together for screen readers.
import { Field } from '@base-ui/react/field';
import { NumberField as Numbers } from '@base-ui/react/number-field';
import { Select as Choice } from '@base-ui/react/select';
import { Switch as Toggle } from '@base-ui/react/switch';
import { Check, ChevronsUpDown, Minus, Plus, Search } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';
import { texts } from '../texts/index.ts';

interface Labelled {
  readonly label: ReactNode;
  readonly help?: ReactNode;
  /** Why the value is refused; null: it is not. */
  readonly error?: ReactNode;
  /** The label is for screen readers only: something else on the screen says it. */
  readonly isLabelHidden?: boolean;
}

function Frame({ label, help, error, isLabelHidden = false, children }: Labelled & { readonly children: ReactNode }) {
  const isInvalid = error !== undefined && error !== null && error !== '';
  return (
    <Field.Root className="field" invalid={isInvalid}>
      <Field.Label className={isLabelHidden ? 'only-read' : 'field-label'}>{label}</Field.Label>
      {children}
      {help !== undefined && help !== null && <Field.Description className="field-help">{help}</Field.Description>}
      {isInvalid && (
        <Field.Error match className="field-error">
          {error}
        </Field.Error>
      )}
    </Field.Root>
  );
}

interface TextFieldProps extends Labelled, Omit<ComponentProps<'input'>, 'onChange' | 'value' | 'defaultValue'> {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly icon?: ReactNode;
}

export function TextField({
  label,
  help,
  error,
  isLabelHidden,
  onChange,
  icon,
  className = '',
  ...rest
}: TextFieldProps) {
  return (
    <Frame label={label} help={help} error={error} isLabelHidden={isLabelHidden ?? false}>
      <span className={icon === undefined ? 'input-frame' : 'input-frame input-with-icon'}>
        {icon}
        <Field.Control
          {...rest}
          className={`input ${className}`}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      </span>
    </Frame>
  );
}

interface SearchFieldProps {
  readonly label: string;
  /** The label, where nothing else is to be said. */
  readonly placeholder?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export const SearchField = ({ label, placeholder = label, value, onChange }: SearchFieldProps) => (
  <TextField
    label={label}
    isLabelHidden
    placeholder={placeholder}
    type="search"
    value={value}
    onChange={onChange}
    spellCheck={false}
    icon={<Search size={15} aria-hidden />}
  />
);

interface TextAreaProps extends Labelled, Omit<ComponentProps<'textarea'>, 'onChange' | 'value' | 'defaultValue'> {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function TextArea({ label, help, error, isLabelHidden, onChange, className = '', ...rest }: TextAreaProps) {
  return (
    <Frame label={label} help={help} error={error} isLabelHidden={isLabelHidden ?? false}>
      <Field.Control
        render={
          <textarea
            {...rest}
            className={`input textarea ${className}`}
            onChange={(event) => onChange(event.currentTarget.value)}
          />
        }
      />
    </Frame>
  );
}

interface NumberFieldProps extends Labelled {
  /** Null: empty. */
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly placeholder?: string;
  readonly isDisabled?: boolean;
  readonly format?: Intl.NumberFormatOptions;
}

export function NumberField(props: NumberFieldProps) {
  const { label, help, error, isLabelHidden = false, value, onChange, isDisabled = false } = props;
  return (
    <Frame label={label} help={help} error={error} isLabelHidden={isLabelHidden}>
      <Numbers.Root
        value={value}
        onValueChange={onChange}
        disabled={isDisabled}
        locale="en"
        {...(props.min === undefined ? {} : { min: props.min })}
        {...(props.max === undefined ? {} : { max: props.max })}
        {...(props.step === undefined ? {} : { step: props.step })}
        {...(props.format === undefined ? {} : { format: props.format })}
      >
        <Numbers.Group className="number">
          <Numbers.Decrement className="number-step" aria-label={texts.parts.decrease}>
            <Minus size={14} aria-hidden />
          </Numbers.Decrement>
          <Numbers.Input className="input number-input" placeholder={props.placeholder} />
          <Numbers.Increment className="number-step" aria-label={texts.parts.increase}>
            <Plus size={14} aria-hidden />
          </Numbers.Increment>
        </Numbers.Group>
      </Numbers.Root>
    </Frame>
  );
}

export interface SelectItem<V extends string> {
  readonly value: V;
  readonly label: ReactNode;
  readonly isDisabled?: boolean;
}

interface SelectProps<V extends string> extends Labelled {
  readonly value: V;
  readonly onChange: (value: V) => void;
  readonly items: readonly SelectItem<V>[];
  readonly isDisabled?: boolean;
}

export function Select<V extends string>(props: SelectProps<V>) {
  const { label, help, error, isLabelHidden = false, value, onChange, items, isDisabled = false } = props;
  return (
    <Frame label={label} help={help} error={error} isLabelHidden={isLabelHidden}>
      <Choice.Root
        items={[...items]}
        value={value}
        disabled={isDisabled}
        onValueChange={(next) => {
          if (next !== null) onChange(next as V);
        }}
      >
        <Choice.Trigger className="input select">
          <Choice.Value className="select-value" />
          <Choice.Icon className="select-icon">
            <ChevronsUpDown size={14} aria-hidden />
          </Choice.Icon>
        </Choice.Trigger>
        <Choice.Portal>
          <Choice.Positioner sideOffset={4} alignItemWithTrigger={false} className="layer-top">
            <Choice.Popup className="menu">
              <Choice.List className="menu-list">
                {items.map((item) => (
                  <Choice.Item
                    key={item.value}
                    value={item.value}
                    className="menu-item"
                    disabled={item.isDisabled ?? false}
                  >
                    <span className="menu-check">
                      <Choice.ItemIndicator>
                        <Check size={14} aria-hidden />
                      </Choice.ItemIndicator>
                    </span>
                    <Choice.ItemText>{item.label}</Choice.ItemText>
                  </Choice.Item>
                ))}
              </Choice.List>
            </Choice.Popup>
          </Choice.Positioner>
        </Choice.Portal>
      </Choice.Root>
    </Frame>
  );
}

interface SwitchProps extends Omit<Labelled, 'error' | 'isLabelHidden'> {
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly isDisabled?: boolean;
}

export function Switch({ label, help, isOn, onChange, isDisabled = false }: SwitchProps) {
  return (
    <Field.Root className="field field-switch">
      <Field.Label className="switch-line">
        <Toggle.Root className="switch" checked={isOn} onCheckedChange={onChange} disabled={isDisabled}>
          <Toggle.Thumb className="switch-thumb" />
        </Toggle.Root>
        <span>{label}</span>
      </Field.Label>
      {help !== undefined && help !== null && <Field.Description className="field-help">{help}</Field.Description>}
    </Field.Root>
  );
}
