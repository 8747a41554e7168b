"""The passwords that attackers try first, of those long enough to be chosen here.

Shorter ones ("123456") are refused for their length.
"""

_LIST = """
1234567890 123456789a 123456789q 12345678910 123456789012 1234567891 0123456789 0987654321 9876543210 1111111111
0000000000 1212121212 1122334455 1234512345 123123123123 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw2345
q1w2e3r4t5 q1w2e3r4t5y6 qwertyuiop qwerty12345 qwerty123456 qwertyuiop123 qwertyuiop[] qwerty1234 qwertyqwerty
qazwsxedcrfv qwaszx1234 asdfghjkl; asdfghjkl1 asdfasdfasdf asdf123456 zxcvbnm123 zxcvbnm,./ zaq12wsxcde3
password12 password123 password1234 password12345 password123456 password!! password1! password2024
password2025 password2026 passwordpassword p@ssw0rd123 p@ssword123 passw0rd123 passw0rd12 pa55word123
mypassword mypassword1 newpassword newpassword1 changeme123 changeme1234 changemenow changeit123
welcome123 welcome1234 welcome12345 welcome2024 welcome2025 welcome2026 letmein123 letmein1234 letmeinnow
iloveyou12 iloveyou123 iloveyou1234 iloveyouuu administrator admin12345 admin123456 administrator1 adminadmin
adminadmin123 rootroot123 superman123 superadmin superuser123 trustno1trustno1 sunshine123 princess123
football123 baseball123 basketball monkey1234 dragon1234 shadow1234 master1234 michael123 jennifer123
abc1234567 abcd123456 abcdefghij abcdefghijk abcdefg123 abcdef1234 aa12345678 aaaaaaaaaa a123456789 a1b2c3d4e5
test123456 testtest123 test1234567 testpassword computer123 internet123 starwars123 whatever123 hellohello
signalbox1 signalbox123 signalbox1234 signalbox2026 correcthorsebatterystaple
"""

COMMON_PASSWORDS = frozenset(_LIST.split())
