// Sign in with a password, or with a platform token.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call } from '../api';
import { Button, TextField, useAction } from '../components/controls';
import { beginSession, farewell } from '../session';
import { useStore } from '../store';

async function signInByPassword(username: string, password: string): Promise<void> {
	const { jwt } = await call<{ jwt: string }>('/v1/auth/login', { method: 'POST', body: { username, password }, bearer: null });
	beginSession(jwt);
}

async function signInByToken(given: string): Promise<void> {
	try {
		await call('/v1/current-user', { bearer: given });
	} catch (error) {
		if (error instanceof ApiError && error.status === 401) throw new ApiError(401, error.code, `This token does not work: ${error.message}`);
		throw error;
	}
	beginSession(given);
}

export function SignInPage() {
	const [way, setWay] = useState<'password' | 'token'>('password');
	const [username, setUsername] = useState('');
	const [password, setPassword] = useState('');
	const [given, setGiven] = useState('');
	const why = useStore(farewell);
	const signIn = useAction(() => (way === 'password' ? signInByPassword(username, password) : signInByToken(given.trim())));
	useEffect(() => {
		document.title = 'Sign in · Atoll';
	}, []);
	const choose = (other: typeof way) => {
		signIn.clear();
		setWay(other);
	};
	return (
		<main class="sign-in">
			<div class="sign-in-card">
				<div class="brand large">
					<img src="/console/icon.svg" width="40" height="40" alt="" />
					<h1>Sign in to Atoll</h1>
				</div>
				{why && (
					<p class="notice" role="alert">
						You were signed out: {why}
					</p>
				)}
				<div class="segments" role="group" aria-label="Way to sign in">
					<button type="button" aria-pressed={way === 'password'} onClick={() => choose('password')}>
						Password
					</button>
					<button type="button" aria-pressed={way === 'token'} onClick={() => choose('token')}>
						Token
					</button>
				</div>
				<form
					class="stack"
					method="post"
					onSubmit={(event) => {
						event.preventDefault();
						void signIn.run();
					}}
				>
					{way === 'password' ? (
						<>
							<TextField label="User name or e-mail" autocomplete="username" value={username} onValue={setUsername} required />
							<TextField
								label="Password"
								type="password"
								autocomplete="current-password"
								value={password}
								onValue={setPassword}
								error={signIn.message}
								required
							/>
						</>
					) : (
						<TextField
							label="Platform token"
							type="password"
							autocomplete="off"
							value={given}
							onValue={setGiven}
							error={signIn.message}
							hint="The first start wrote one to bootstrap.json in the data folder; atolld token mint makes another."
							required
						/>
					)}
					<Button kind="primary" type="submit" busy={signIn.busy}>
						Sign in
					</Button>
				</form>
			</div>
		</main>
	);
}
