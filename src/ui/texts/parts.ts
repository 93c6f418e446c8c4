// The words of the parts that all pages are made of, and of amounts and times.
export const parts = {
  close: 'Close',
  cancel: 'Cancel',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'The browser did not allow to copy. Select the text instead.',
  tryAgain: 'Try again',
  loading: 'Loading…',
  increase: 'More',
  decrease: 'Less',
  dismiss: 'Dismiss',
  automatic: 'auto',
  exactly: (label: string) => `${label}, exactly`,
  notifications: 'Notifications',
  unknown: 'unknown',
  never: 'never',
  none: 'none',
  chartAsTable: 'As a table',
  failed: 'That did not work.',
  forbidden: (scope: string) => `The key that is used here lacks the scope “${scope}”.`,
  forbiddenHint: 'Use another key, or ask whoever runs this server.',
} as const;

export const times = {
  now: 'just now',
  ago: (text: string) => `${text} ago`,
  in: (text: string) => `in ${text}`,
  perSecond: (text: string) => `${text}/s`,
  tokensPerSecond: (text: string) => `${text} tokens/s`,
} as const;
