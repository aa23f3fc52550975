import { defineTexts } from '../../app/texts';

const english = {
  title: 'My account',
  credentials: 'API credentials',
  credentialsHelp: 'What SDKs, Terraform and scripts ask for.',
  account: 'Account',
  accountId: 'Account ID',
  user: 'User',
  userId: 'User ID',
  project: 'Project',
  projectId: 'Project ID',
  registry: 'Registry address',
  role: 'Role',
  administrator: 'Administrator of the account',
  member: 'Member',
  access: 'Access type',
  groups: 'User groups',
  noGroups: 'You are in no group.',
  logins: 'Logins and keys',
  loginsHelp: 'For docker and other clients a temporary login or an access key is used, never your password alone.',
  keys: 'Access keys',
  password: 'Change password',
  passwordHelp: 'Your other sessions, tokens, temporary keys and logins end, and you sign in again here. Access keys stay.',
  original: 'Present password',
  new: 'New password',
  newHelp: 'At least 8 characters, other than the present one',
  repeat: 'New password again',
  different: 'The two are not the same',
  same: 'The new password must differ from the present one',
  change: 'Change password',
  changed: 'The password was changed',
  session: 'This session',
  ends: 'Ends',
  signOut: 'Sign out',
  appearance: 'Language and appearance',
  english: 'English',
  chinese: '简体中文',
};

/** What a translation has to have. */
export type AccountWords = typeof english;

/** Words of one's own account. */
export const accountTexts = defineTexts(english, () => import('./texts.zh'));
