import { Anchor } from '@mantine/core';
import { marked, type Token, type Tokens } from 'marked';
import { createElement, Fragment, type ReactNode, useMemo } from 'react';
import { imagesTexts } from '../images/texts';
import './Markdown.css';

/**
 * Markdown that somebody else wrote, drawn from its parsed form: nothing of it becomes HTML, so that there is nothing to
 * clean. Tags in the text are shown as text, pictures (which could tell others who reads this) as links.
 */
export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => marked.lexer(text, { gfm: true }), [text]);
  return <div className="markdown">{blocks(tokens)}</div>;
}

function blocks(tokens: Token[]): ReactNode {
  return tokens.map((token, index) => <Fragment key={index}>{block(token as Tokens.Generic)}</Fragment>);
}

function block(any: Tokens.Generic): ReactNode {
  const token = any as MarkedBlock;
  switch (token.type) {
    case 'heading':
      // The page's own headings are the first two levels.
      return createElement(`h${Math.min(token.depth + 2, 6)}`, { className: `markdown-h${token.depth}` }, inline(token.tokens));
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case 'list':
      return createElement(
        token.ordered ? 'ol' : 'ul',
        token.ordered && token.start !== '' ? { start: token.start } : {},
        token.items.map((item, index) => (
          <li key={index}>
            {item.task && <span aria-hidden>{item.checked === true ? '☑ ' : '☐ '}</span>}
            {blocks(item.tokens.filter((one) => one.type !== 'checkbox'))}
          </li>
        )),
      );
    case 'table':
      return <Table token={token} />;
    case 'hr':
      return <hr />;
    case 'text':
      return <>{token.tokens === undefined ? decoded(token.text) : inline(token.tokens)}</>;
    case 'html':
      return <p>{token.raw.trim()}</p>;
    case 'space':
    case 'def':
      return null;
  }
}

type MarkedBlock =
  | Tokens.Heading
  | Tokens.Paragraph
  | Tokens.Code
  | Tokens.Blockquote
  | Tokens.List
  | Tokens.Table
  | Tokens.Hr
  | Tokens.Text
  | Tokens.HTML
  | Tokens.Space
  | Tokens.Def;

function Table({ token }: { token: Tokens.Table }) {
  return (
    <div className="scroll-x" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} style={{ textAlign: cell.align ?? 'start' }}>
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, line) => (
            <tr key={line}>
              {row.map((cell, index) => (
                <td key={index} style={{ textAlign: cell.align ?? 'start' }}>
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type MarkedInline =
  | Tokens.Strong
  | Tokens.Em
  | Tokens.Del
  | Tokens.Codespan
  | Tokens.Br
  | Tokens.Link
  | Tokens.Image
  | Tokens.Escape
  | Tokens.Text
  | Tokens.Tag;

function inline(tokens: Token[] | undefined): ReactNode {
  return tokens?.map((token, index) => <Fragment key={index}>{span(token as Tokens.Generic)}</Fragment>);
}

function span(any: Tokens.Generic): ReactNode {
  const token = any as MarkedInline;
  switch (token.type) {
    case 'strong':
      return <strong>{inline(token.tokens)}</strong>;
    case 'em':
      return <em>{inline(token.tokens)}</em>;
    case 'del':
      return <del>{inline(token.tokens)}</del>;
    case 'codespan':
      return <code>{token.text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return <Away href={token.href}>{inline(token.tokens)}</Away>;
    case 'image':
      return <Away href={token.href}>{imagesTexts.now().description.image(token.text || token.href)}</Away>;
    case 'escape':
      return <>{token.text}</>;
    case 'text':
      return <>{token.tokens === undefined ? decoded(token.text) : inline(token.tokens)}</>;
    case 'html':
      return <>{token.raw}</>;
  }
}

/** A link out of the console; one that leads to anything but the web or a letter is only text. */
function Away({ href, children }: { href: string; children: ReactNode }) {
  if (!leadsOut(href)) return <>{children}</>;
  return (
    <Anchor href={href} target="_blank" rel="noopener noreferrer nofollow" inherit>
      {children}
    </Anchor>
  );
}

/** Whether an address is of the web or a letter's. */
export function leadsOut(href: string): boolean {
  return /^(?:https?:\/\/|mailto:)/i.test(href);
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&nbsp;': '\u00a0' };

function decoded(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
}
