"""How questions read, in the languages that programs speak: what a line asks, and whether for a secret.

None of it is sure. It counts for little where the kernel shows that a program waits, for much where it does not.
"""

from __future__ import annotations

import re
import unicodedata

# The end of a line that reads like a question whatever its program does.
_ASKS = re.compile(
    r"""(?xi)
    [\[(]\s* ( y(es)? \s*[/|]\s* no? | no? \s*[/|]\s* y(es)? | [^\W\d_]{1,3}(\s*[/|,]\s*([^\W\d_]{1,3}|\?))+ )
      \b [^\])]* [\])] \W*$
    | [\[(]\s* ( [jsodт]\w{0,3} \s*/\s* n\w{0,5} | д\w? \s*/\s* н\w* ) \s* [\])] \W*$
    | \[default[=\s][^\]]*\] \W*$
    | \b(press|hit|type|enter|push|strike)\b .{0,60}\b(key|enter|return|continue|yes|no)\b \W{0,6}.{0,30}$
    | \b(dr[uü]cke?n?|pressione|prima|presione|pulse|presiona|appuyez|premere|premi|druk|tryck|tryk|trykk|paina
        |naci[sś]nij|stiskn[eě]te|bas[iı]n|нажмите|натисніть|tekan)\b
      .{0,60} ( \b(enter|return|intro|entr[eé]e|invio|eingabe\w*|taste|tecla|touche|tasto|toets|tangent|tast|n[aä]pp\w+
        |klawisz|kl[aá]ves\w*|tu[sş]a?|клавиш\w*|клавіш\w*)\b ) .{0,60}$
    | (按|キー|エンター|키를|엔터) .{0,30} (键|鍵|继续|繼續|押して|続行|누르|계속) .{0,20}$
    | \b(login|user\s?name|user\s?id|benutzer(name|kennung)?|anmeldename|nom\ d.utilisateur|utilisateur|identifiant
        |usuario|usu[aá]rio|utente|nome\ utente|gebruikersnaam|anv[aä]ndarnamn|brugernavn|brukernavn
        |k[aä]ytt[aä]j[aä]\w*|u[zž]ivatel\w*|u[zż]ytkownik\w*|имя\ пользователя|логин
        |kullan[iı]c[iı]\w*|felhaszn[aá]l[oó]\w*)\s*[:：]\s*$
    | (用户名|帳號|账号|ユーザー?名|ログイン|사용자\s?이름|아이디) .{0,20}[:：]\s*$
    | (^|[.!?:]\s+) (please\s+)? (enter|type|choose|select|specify|give|input|provide|which|what)\b .{0,100} [:>]\s*$
    | (^|[.!?:]\s+) (bitte|geben\ sie|w[aä]hlen|veuillez|entrez|saisi\w+|choisi\w+|introdu\w+|ingres[ae]|escriba|elija
        |digite|informe|insira|escolha|inseri\w*|scegli\w*|voer|kies|geef|ange|v[aä]lj|indtast|skriv|velg|anna|valitse
        |podaj|wpisz|wybierz|zadejte|vyberte|введите|выберите|введіть|girin|se[cç]in) \b .{0,100} [:：>]\s*$
    | (入力|输入|輸入|選択|选择|입력|선택) .{0,40} [:：>]\s*$
    | \[[^\]]{0,60}\] \s* [:：] \s*$
    | [:?：？] \s* [\[(] \s* \w [^\])%\#/]{0,60} [\])] \s*$
    | \(end\)\s*$ | --more--
    | [?？]\s*$
    """
)
_MAY_ASK = re.compile(r"[:：>#$%?？\])›»❯‣▸]\s*$")
_MAY_TELL = re.compile(r"[)\]%]\s*$")
_LEAVES_OPEN = re.compile(r"[:：>›»❯‣]\s*$")
# The ends of the prompts of shells and their like.
_COMMAND = re.compile(r"(^|\S)[>#$]\s?$|(^|[^\s\d])%\s?$")
_DOTS = re.compile(r"\s*[.·…]+\s*")
_BEGINS = re.compile(r"^\s*\[?[?◆]\]?\s+\w|\w\W{0,3}[?:]\s*$")
# Lines that tell what goes on, and may end in a colon.
_TELLS = re.compile(
    r"""(?xi)
    \b\w{2,}ing\b [^:?]* [:.]*\s*$ | ^\W*\w{2,}ing\b | (\.\.\.|…)\s*[:>]?\s*$ | [%]\s*[\])]?\s*$
    | ^\W* (progress|status|step|steps|state|stage|phase|eta|elapsed|reply|response|output|result|results|log|info|debug
        |warning|warn|error|note|notice|hint|time|total|speed|installation|update|upgrade|fortschritt|schritt) \b
      [^:?]{0,20} [:>]\s*$
    | \d\s*/\s*\d+ \W*$
    """
)

_CODES = (
    r"""(?:security|verification|auth\w*|one[\s-]?time|otp|2fa|mfa|unlock|access|recovery|backup|activation|pin|tan)"""
)
_KEYS = r"(?:api|secret|access|private|encryption|decryption|recovery|pre-?shared|wpa2?|wi-?fi|security|master)"
# Words for what must not be seen. Those of a language that joins words are found within one, short ones by themselves.
_SECRET_WORDS = rf"""
    passwor[dt]\w*|pass[\s-]?phrase\w*|passcode\w*|passwd|pass\ key|pasvorto|password\w*
    |kennwort\w*|passwort\w*|losungswort|geheimzahl|geheimnis|zugangscode|sicherheitscode|best[aä]tigungscode
    |mots?\ de\ passe|phrase\ (?:de\ passe|secr[eè]te)|code\ (?:secret|pin|confidentiel)|cl[eé]\ secr[eè]te
    |contrase[nñ]\w*|contrasenya|contrasinal|pasahitz\w*|\bclave|frase\ (?:de\ paso|de\ contrase[nñ]a|segreta|secreta)
    |\bsenha\w*|palavra[\s-](?:passe|chave)|frase[\s-]senha|c[oó]digo\ de\ (?:seguran[cç]a|verifica\w+|acesso|seguridad)
    |parola\ (?:d.?\s?ordine|chiave)|\bparol[aăeo]\b|\bparool\b|codice\ (?:segreto|di\ sicurezza|pin)
    |wachtwoord\w*|wachtzin|toegangscode|l[oö]senord\w*|l[oö]senfras|adgangskode\w*|kodeord\w*|passord\w*
    |salasana\w*|salalause|tunnusluku|lykilor[dð]\w*|a[dð]gangsor[dð]\w*
    |has[lł]o|has[lł]a|\bhesl[oa]\b|\bgesl[oa]\b|lozink\w*|zaporka|fjal[eë]kalim\w*|jelsz[oó]\w*|jelmondat|slapta[zž]od\w*
    |salas[oõ]na|[sş]ifre\w*|m[aậ]t\ kh[aẩ]u|kata\ (?:sandi|laluan)|\bsandi\b|pasvorto|focal\ faire|cyfrinair
    |парол\w*|кодов\w+\ слов\w+|секретн\w+|лозинк\w*|гасло|κωδικ\w*|συνθηματικ\w*|գաղտնաբառ|პაროლი
    |パスワード|パスフレーズ|暗証番号|合言葉|密码|密碼|口令|通行码|비밀번호|암호|패스워드
    |كلمة\ (?:المرور|السر)|رمز\ عبور|گذرواژه|סיסמ[הא]|पासवर्ड|कूटशब्द|รหัสผ่าน
    |(?<!gpio\ )\bpin\b|\botp\b|\bsecrets?\b|\btoken\b|\bcredentials?\b|\bcvv\b|\bcvc\b
    |\b{_CODES}[\s-]code\b|\b{_KEYS}[\s-]key\b|\bpuk\b
"""
# What a line is judged by, however long it is: a program draws what it likes, and each look takes time.
_LINE_CHARACTERS = 500

_SECRET = re.compile(f"(?xi)(?:{_SECRET_WORDS})")
# Of a secret, and not for one.
_OF_SECRET = re.compile(
    rf"""(?xi)(?:{_SECRET_WORDS})\s*
    (name|length|file|path|id|policy|type|hint|manager|store|expir\w+|age|count|prefix|url|uri|field|format|method)\b"""
)
# Whether, and not which: what is typed is a yes or a no, or one of a few words.
_WHETHER = re.compile(
    r"""(?xi)
    [\[(] [^\])]{0,40} \w \s*[/|]\s* \w [^\])]{0,40} [\])] \W*$
    | ^\W* (do|does|did|is|are|was|were|will|would|shall|should|can|could|may|have|has|what\ is\ a|reset|change|delete
        |remove|save|store|use|show|keep|generate|overwrite|replace|continue|soll|sollen|wollen|m[oö]chten|voulez|deseja
        |desea|quer|vuoi|wilt|vill|хотите) \b .* [?？]\s*$
    """
)
_PROMPT_OF_SHELL = re.compile(r"[$#%]\s*$|[@~/][^:：]*>\s*$")
_HIDDEN_HINT = re.compile(r"(?i)\bno echo\b|\[?input is (hidden|masked)\]?|\btoggle visibility\b|\(hidden\)|\(masked\)")
# What stands for what was typed.
_MASKED = re.compile(r"(?:[*•●∙◦⦁▪■＊]\s?){2,}[_█▌▏|]?\s*$")
# The last line may say as little as "> " or "(y/n)": the question stands above it.
_WORD = re.compile(r"[^\W\d_]{2}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CHOICES = re.compile(r"[\[(][^\])]{0,60}[\])]|(?i:\b(yes|no|y|n)\b)")
_RULE = re.compile(r"\s*[-=*_+>]{2,}\s*")  # what divides a text
_MARKS = r"[>*+\u00bb\u2022\u2023\u203a\u25b6\u25b8\u25c9\u25cb-\u25cf\u25ef\u2610-\u2612\u276f-]"
_OPTION = re.compile(rf"^\s*({_MARKS}|[(\[]?[\w*x ]{{0,3}}[)\].:])\s*\S")


def asks(line: str) -> bool:
    """Whether it reads like a question whatever its program does."""
    return bool(line.strip() and (_ASKS.search(line) or (_LEAVES_OPEN.search(line) and asks_secret(line))))


def may_ask(line: str) -> bool:
    """Whether it ends as questions do, and much else."""
    return bool(line.strip() and _MAY_ASK.search(line))


def may_tell(line: str) -> bool:
    """Whether it ends as questions do, and as gauges do that tell how far something is."""
    return bool(_MAY_TELL.search(line)) and not asks(line)


def leaves_open(line: str) -> bool:
    """Whether something is to follow behind its end, and it does not tell what goes on."""
    return bool(_LEAVES_OPEN.search(line)) and may_name(line)


def may_name(line: str) -> bool:
    """Whether it may be the name of what is asked for: there is a word in it, and it does not tell what goes on."""
    return says_something(line) and not _TELLS.search(line)


def is_dots(line: str) -> bool:
    """Whether it shows that something goes on, and nothing else."""
    return bool(_DOTS.fullmatch(line))


def begins_question(line: str) -> bool:
    """Whether a menu's question may be in it: it is marked as one, or ends like one."""
    return bool(_BEGINS.search(line))


def is_of_shell(line: str) -> bool:
    """Whether it ends as the prompts of shells and their like do."""
    return bool(_COMMAND.search(line))


def asks_secret(text: str) -> bool:
    """Whether it asks for what must not be seen; in doubt, it does."""
    lines = [line[-_LINE_CHARACTERS:] for line in unicodedata.normalize("NFC", text).splitlines()]
    text = "\n".join(lines)
    if _MASKED.search(text) or _HIDDEN_HINT.search(text):
        return True
    asked = [line for line in lines if _SECRET.search(line) and not _OF_SECRET.search(line)]
    return any(not (_WHETHER.search(line) or _PROMPT_OF_SHELL.search(line)) for line in asked)


def says_something(line: str) -> bool:
    """Whether there is a word in it, beside the answers that may be given."""
    return bool(_WORD.search(_CHOICES.sub(" ", line)))


def is_option(line: str) -> bool:
    """Whether it is one of those to choose from."""
    return bool(_OPTION.match(line) and not _RULE.fullmatch(line))
