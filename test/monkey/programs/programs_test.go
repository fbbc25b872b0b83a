package programs
import ("testing";"time";"fmt";"os";"syscall")
func TestSpeed(t *testing.T){
 s,err:=Build(t.TempDir()); if err!=nil{t.Fatal(err)}
 l:=NewLane(t.TempDir()); defer l.Close()
 d:="/dev/shm/mk"
 for _,p:=range s.All(){
  for _,a:=range [][]string{{"isLuks","v.img"},{"open","--test-passphrase","--key-file","ka","v.img"},{"luksChangeKey","-q","--pbkdf","pbkdf2","--pbkdf-force-iterations","1000","--key-file","ka","v.img","ka"}}{
   l.Run(p,d,a...)
   b:=time.Now(); var r Result
   for range 50 { r,err=l.Run(p,d,a...); if err!=nil{t.Fatal(err)} }
   var u syscall.Rusage; fmt.Println(p.Name,a[0],time.Since(b)/50,r,u.Maxrss)
  }
  r,err:=RunOnce(d,KillArgv(p,3,"luksChangeKey","-q","--pbkdf","pbkdf2","--pbkdf-force-iterations","1000","--key-file","ka","v.img","ka")...)
  fmt.Println(r,err)
 }
 _=os.Stdout
}
