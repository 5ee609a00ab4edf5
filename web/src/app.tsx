// The frame around the pages: who is signed in, where one can go, and whether the server is there.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { AccountContext, homeOf, loadAccount, useAccount } from './account';
import { Button } from './components/controls';
import { Failure, Loading } from './components/states';
import { Toasts } from './components/toast';
import { reachable } from './connection';
import { useLoad } from './load';
import { pages } from './pages';
import { SignInPage } from './pages/sign-in';
import { Link, match, navigate, usePath } from './router';
import { endSession, token } from './session';
import { useStore } from './store';
import { chooseTheme, theme } from './theme';

function ConnectionBanner() {
	const there = useStore(reachable);
	if (there) return null;
	return (
		<div class="banner" role="alert">
			<span class="spinner" aria-hidden="true" />
			The server cannot be reached. Trying again…
		</div>
	);
}

function ThemeSwitch() {
	const chosen = useStore(theme);
	return (
		<label class="theme-switch">
			<span class="off-screen">Colours</span>
			<select value={chosen} onChange={(event) => chooseTheme(event.currentTarget.value as typeof chosen)}>
				<option value="system">System</option>
				<option value="light">Light</option>
				<option value="dark">Dark</option>
			</select>
		</label>
	);
}

function Brand() {
	return (
		<Link to="/" class="brand">
			<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
				<rect width="32" height="32" rx="8" class="brand-sea" />
				<circle cx="16" cy="16" r="8.5" class="brand-ring" />
				<circle cx="16" cy="16" r="2.6" class="brand-lagoon" />
			</svg>
			Atoll
		</Link>
	);
}

function OrganizationChoice({ org }: { org: string }) {
	const { organizations } = useAccount();
	const known = organizations.some(({ slug }) => slug === org);
	return (
		<label class="organization-choice">
			<span class="off-screen">Organization</span>
			<select value={org} onChange={(event) => navigate(`/${encodeURIComponent(event.currentTarget.value)}/databases`)}>
				{!known && <option value={org}>{org}</option>}
				{organizations.map(({ slug, name }) => (
					<option key={slug} value={slug}>
						{name || slug}
					</option>
				))}
			</select>
		</label>
	);
}

function SideBar({ org, where }: { org: string; where: string }) {
	const base = `/${encodeURIComponent(org)}`;
	const entries = pages.filter((page) => page.menu);
	return (
		<nav class="side-bar" aria-label="Organization">
			<ul>
				{entries.map((page) => {
					const to = page.pattern.replace('/{org}', base);
					const active = where === to || where.startsWith(`${to}/`);
					return (
						<li key={to}>
							<Link to={to} {...(active ? { 'aria-current': 'page' as const } : {})}>
								{page.menu}
							</Link>
						</li>
					);
				})}
			</ul>
		</nav>
	);
}

function Frame({ org, where, children }: { org: string; where: string; children: ComponentChildren }) {
	const { user } = useAccount();
	return (
		<div class="frame">
			<a class="skip-link" href="#content">
				Skip to the content
			</a>
			<header class="top-bar">
				<Brand />
				{org && <OrganizationChoice org={org} />}
				<div class="top-bar-end">
					<ThemeSwitch />
					<span class="who" title={user.email || undefined}>
						{user.username}
					</span>
					<Button kind="quiet" onClick={() => endSession()}>
						Sign out
					</Button>
				</div>
			</header>
			{org && <SideBar org={org} where={where} />}
			<main id="content" tabIndex={-1}>
				{children}
			</main>
		</div>
	);
}

function CurrentPage({ where }: { where: string }) {
	for (const page of pages) {
		const params = match(page.pattern, where);
		if (params) return <page.view key={page.keyOf ? page.keyOf(params) : where} params={params} />;
	}
	return (
		<div class="state empty">
			<h1 class="state-title">There is no such page</h1>
			<Link to="/">Go to the databases</Link>
		</div>
	);
}

function SignedIn({ bearer }: { bearer: string }) {
	const where = usePath();
	const account = useLoad(`account ${bearer.slice(-12)}`, loadAccount);
	const home = account.data && homeOf(account.data);
	useEffect(() => {
		if (home && (where === '/' || where === '/sign-in')) navigate(`/${encodeURIComponent(home)}/databases`, { replace: true });
	}, [home, where]);
	if (!account.data)
		return <main class="alone">{account.error ? <Failure error={account.error} retry={account.reload} /> : <Loading />}</main>;
	const org = match('/{org}/{rest}', where.split('/').slice(0, 3).join('/'))?.['org'] ?? home ?? '';
	return (
		<AccountContext.Provider value={{ ...account.data, reload: account.reload }}>
			<Frame org={org} where={where}>
				{where === '/' || where === '/sign-in' ? (
					home ? <Loading /> : <Failure error={new Error('You belong to no organization.')} />
				) : (
					<CurrentPage where={where} />
				)}
			</Frame>
		</AccountContext.Provider>
	);
}

export function App() {
	const bearer = useStore(token);
	return (
		<>
			<ConnectionBanner />
			{bearer ? <SignedIn key={bearer} bearer={bearer} /> : <SignInPage />}
			<Toasts />
		</>
	);
}
