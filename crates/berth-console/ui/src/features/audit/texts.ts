import { defineTexts } from '../../app/texts';

const english = {
  title: 'Audit trail',
  intro: 'Who changed what, who was refused, and logins that failed. Passwords and keys are never in it.',
  time: 'Time',
  user: 'User',
  action: 'Action',
  actionHint: 'Such as create_namespace',
  resource: 'On what',
  resourceHint: 'Such as team/app',
  result: 'Result',
  any: 'Any result',
  success: 'Done',
  refused: 'Refused',
  from: 'From',
  to: 'To',
  source: 'From address',
  credential: 'Credential',
  status: 'Status',
  code: 'Code',
  request: 'Request',
  details: 'Details',
  detailsOf: (action: string) => `Details of ${action}`,
  empty: 'Nothing yet',
  emptyHelp: 'Changes and refusals of this account are noted here.',
  export: 'Export as CSV',
  exporting: (rows: string) => `${rows} events so far`,
  exported: (rows: string) => `${rows} events exported`,
  bound: (rows: string) => `Only the newest ${rows} events were exported; narrow the filter for older ones`,
  stop: 'Stop',
  clear: 'Clear all filters',
  onlyUser: (name: string) => `Only ${name}`,
  nobody: 'nobody',
};

/** What a translation has to have. */
export type AuditWords = typeof english;

/** Words of the audit trail. */
export const auditTexts = defineTexts(english, () => import('./texts.zh'));
